"""Pointers: fused and packed operations, each beside its plain torch truth. Imports no other room."""

"""The families of painters, one file each: how its network is opened, asked, and told what to paint."""

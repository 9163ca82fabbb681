"""The networks: the U-Net built in lesson 04, those it is compared with, and the instruments that look inside."""

"""`imserver trace`: a proxy between clients and a server that explains each frame on one line, and changes no byte."""

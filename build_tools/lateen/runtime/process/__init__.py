"""The process runtime: applications and Envoys are processes of this machine, told apart by loopback address."""

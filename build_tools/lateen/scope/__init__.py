"""What one proxy may see of a mesh."""

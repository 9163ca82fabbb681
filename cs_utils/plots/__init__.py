"""Every drawing of the course. Each function returns a matplotlib Figure and shows or saves nothing itself."""

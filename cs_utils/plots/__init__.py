"""Every drawing of the course. Each ``plot_…`` function returns a matplotlib Figure; `style` also writes files."""

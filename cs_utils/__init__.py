"""Helper package of the course: from street scenes to a trained, honestly evaluated U-Net."""

"""What a trained network is worth: predictions, errors, and the official evaluator's opinion."""

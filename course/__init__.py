"""What runs, stores and publishes the lessons. No lesson needs to read it."""

"""The closed loop: monitor, retrain, promote, roll back."""

"""What a run or a study will do and cost, before anything is trained."""

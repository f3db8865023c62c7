"""What a worker for functions in Python consists of; needs Python 3.9 and nothing else."""

"""What this project is measured against, each as its experts would write it."""

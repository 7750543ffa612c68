"""What stands before the API: finished answers, sent without asking anybody again; and limits on what is asked."""

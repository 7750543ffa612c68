"""What HTTP sees: parameters in, a status and a body out."""

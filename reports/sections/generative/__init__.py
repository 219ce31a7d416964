"""What there is to see of generative models beyond the ELBO: its parts, pictures, codes read with few labels."""

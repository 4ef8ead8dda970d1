"""The customer's page, its server side: what is read of days and of a customer, event files, posters."""

"""The pages, their server side: what is read of days, of a customer and by the staff, event files, posters."""

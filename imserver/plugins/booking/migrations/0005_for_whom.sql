-- For whom an appointment is, as the customer said it (我妈, my son); '' is the customer.
ALTER TABLE booking_appointments ADD COLUMN person TEXT NOT NULL DEFAULT '';

-- Holds are few among many appointments, and those whose time is over are asked for with every text.
CREATE INDEX booking_appointments_held ON booking_appointments (hold_until) WHERE hold_until IS NOT NULL;

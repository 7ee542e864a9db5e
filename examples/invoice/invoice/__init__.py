"""Invoices with discounts and value added tax."""

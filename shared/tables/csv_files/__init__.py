"""CSV files of any layout: their encoding, separator and header, and what their columns hold."""

from deepchord.shared.tables.csv_files.columns import csv_columns
from deepchord.shared.tables.csv_files.layout import CsvLayout, csv_layout, decoded_text, first_uneven

__all__ = ["CsvLayout", "csv_columns", "csv_layout", "decoded_text", "first_uneven"]

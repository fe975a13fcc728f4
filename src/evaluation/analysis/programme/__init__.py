"""What the programme did and the wider picture: registers read and tabulated (notebooks 08 and 09)."""

"""Site datasets: quality control, u* filtering, satellite series and daily values. The readers are in jules_ml.data.readers."""

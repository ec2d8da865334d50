"""What is measured of requests, whichever simulator or server answered them."""

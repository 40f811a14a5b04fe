"""What guards the root key: Shamir's shares, static keys, and the ceremonies that change them."""

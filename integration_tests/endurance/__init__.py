"""The storefront for a long time: under load, edited every second, with certificates that live for seconds."""

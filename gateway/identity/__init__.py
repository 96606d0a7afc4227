"""Who the person at the page is: what an identity provider says of them."""

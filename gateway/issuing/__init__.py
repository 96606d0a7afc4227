"""Our signers' certificates, from enrolment to revocation."""

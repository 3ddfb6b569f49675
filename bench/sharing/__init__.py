"""What others get: a card beside extracted weights, a checklist of facts, a research object of a whole grid."""

"""Words and scripts: `analysis` (tokens, folding, inflection), `transliteration` (Latin and Arabic), `compounds`."""

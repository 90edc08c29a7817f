/** Defaults of curricula. */

/** Prioritised level replay as in its paper (Jiang et al. 2021, appendix): beta, rho; and levels given ahead. */
export const levelReplay = { temperature: 0.1, staleness: 0.1, ahead: 4 } as const;

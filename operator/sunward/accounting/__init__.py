"""Energy and emissions of periods that have ended: ledgers, baselines, savings. Knows no plan and no solver."""

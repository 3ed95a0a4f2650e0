"""Parts that several pages share: charts, tables, actions, filters."""

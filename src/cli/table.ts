// Aligned columns, as ls and kubectl write them: two spaces between, nothing after the last.

/** One line per row. Control characters are shown as '?', so that a name cannot move the cursor. */
export function alignColumns(rows: readonly (readonly string[])[], alignRight: readonly number[] = []): string[] {
  const clean = rows.map(row => row.map(cell => cell.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')))
  const widths: number[] = []
  for (const row of clean) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return clean.map(row =>
    row
      .map((cell, column) =>
        alignRight.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

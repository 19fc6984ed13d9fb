import type {CertRow, CertState} from '../../admin/protocol.ts'
import {formatDay} from '../format.ts'
import {gauge, type Look, type Span, span, type Tone} from '../look.ts'
import {column, screenOf} from '../screen.ts'

/** Every certificate, and for how long it is good. */
export const CERTS = screenOf<CertRow>({
  name: 'certs',
  title: 'Certificates',
  columns: [
    column('CERT ID', row => row.id, {width: 14, grow: 2, rank: 3}),
    column('COMMON NAME', row => row.commonName, {width: 18, grow: 3, rank: 0}),
    column('STATE', (row, look) => stateOf(row.state, look), {width: 12, rank: 0}),
    column('EXPIRES', expiry, {width: 16, rank: 1, order: row => timeOf(row.notAfter)}),
    column('ISSUER', row => row.issuer, {width: 10, grow: 1, rank: 6}),
    column('NOT AFTER', (row, {glyphs}) => formatDay(row.notAfter, glyphs.none), {
      width: 16,
      rank: 5,
      order: row => timeOf(row.notAfter),
    }),
    column('RENEWS', (row, {glyphs}) => formatDay(row.renewAt, glyphs.none), {
      width: 16,
      rank: 4,
      order: row => timeOf(row.renewAt),
    }),
  ],
  rows: state => state.lists.certs,
  idOf: row => row.id,
  sort: null,
  facts: (row, _state, {glyphs}) => [
    ['certificate', row.id],
    ['names', row.names.join(', ')],
    ['state', row.state],
    ['error', row.error || glyphs.none],
    ['issuer', row.issuer || glyphs.none],
    ['serial', row.serial ?? glyphs.none],
    ['not before', formatDay(row.notBefore, glyphs.none)],
    ['not after', formatDay(row.notAfter, glyphs.none)],
    ['renews', formatDay(row.renewAt, 'not by routesd')],
    ['created', formatDay(row.createdAt, glyphs.none)],
    ['updated', formatDay(row.updatedAt, glyphs.none)],
  ],
  empty: 'no certificates',
  absent: 'this daemon has no certificates to show (GET /v1/certs is not there)',
})

// ---

const TONES: Readonly<Record<CertState, Tone>> = {
  valid: 'good',
  pending: 'warn',
  expiring: 'warn',
  expired: 'bad',
  failing: 'bad',
  unreadable: 'bad',
}
const DAY_MS = 86_400_000
const GAUGE_CELLS = 8

function stateOf(state: CertState, {glyphs}: Look): Span {
  const tone = TONES[state]
  const glyph = tone === 'good' ? glyphs.good : tone === 'warn' ? glyphs.warn : glyphs.bad
  return span(`${glyph} ${state}`, tone)
}

// The bar is what is left of its life.
function expiry({notBefore, notAfter}: CertRow, {glyphs}: Look, nowMs: number): Span {
  if (notAfter === null) return span(glyphs.none, 'dim')
  const leftMs = timeOf(notAfter) - nowMs
  const lifeMs = timeOf(notAfter) - timeOf(notBefore)
  const share = lifeMs > 0 ? leftMs / lifeMs : 0
  const tone = leftMs <= 0 ? 'bad' : leftMs < 7 * DAY_MS ? 'warn' : 'good'
  return span(`${gauge(share, GAUGE_CELLS, glyphs)} ${Math.floor(leftMs / DAY_MS)}d`, tone)
}

function timeOf(at: string | null): number {
  return at === null ? 0 : Date.parse(at)
}

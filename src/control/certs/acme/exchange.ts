// The parts of an order that greenlock gets wrong, as RFC 8555 has them: each challenge is answered once, each order finalized
// once, and after that only looked at.

import {parseRetryAfter} from '../../../base/retry-after.ts'
import {AcmeError} from '../issuer.ts'
import {bindingOf, publicPart} from './jws.ts'
import {currentOrder, type Order} from './order.ts'
import {problemOf} from './problem.ts'
import type {Challenge} from './prover.ts'
import type {Answer} from './transport.ts'

/** As greenlock asks for it; `payload` is JSON, or empty. */
export type Wish = {
  readonly url: string
  readonly protected: {readonly kid?: string | false; readonly jwk?: unknown}
  readonly payload: string | Uint8Array
}
/** As greenlock takes it. */
export type Reply = {readonly statusCode: number; readonly headers: Answer['headers']; readonly body: unknown}

/** Signs and sends what greenlock wants to say, with what it does not know to say. */
export async function signedRequest(_acme: unknown, wish: Wish): Promise<Reply> {
  const order = currentOrder()
  const {newAccount, newOrder} = order.directory
  if (wish.url === newAccount) return replyOf(await askForAccount(order))
  if (wish.url === newOrder) return replyOf(await askForOrder(order, wish))
  return replyOf(await order.session.post(wish.url, {kid: kidOf(wish)}, parse(wish.payload)))
}

/** Says once that the authority may look, and waits until it has. Throws AcmeError with what it has seen. */
export async function answerChallenge(_acme: unknown, _options: unknown, kid: string, challenge: Challenge) {
  const {session, prover} = currentOrder()
  // Of an authorization of an earlier order that still holds.
  if (challenge.status === 'valid') return challenge
  try {
    const answer = await session.post(challenge.url, {kid}, {})
    const result = isUnderWay(answer)
      ? await poll(challenge.url, kid, `the validation of ${challenge.altname}`)
      : answer
    const {status, error} = recordOf(result.body)
    if (status === 'valid') return result.body
    throw failed(error, `${challenge.altname} was not validated (${prover.kind})`)
  } finally {
    await withdraw(challenge)
  }
}

/** Waits until the order is ready, asks once for the certificate, and waits for it. Throws AcmeError. */
export async function finalizeOrder(
  _acme: unknown,
  {csr}: {readonly csr: string},
  kid: string,
  {_orderUrl: url, _finalizeUrl: finalize}: {readonly _orderUrl: string; readonly _finalizeUrl: string},
) {
  const {session} = currentOrder()
  // The authorizations are valid; the order may lag behind.
  let answer = await poll(url, kid, 'the order')
  if (statusOf(answer) === 'ready') answer = await session.post(finalize, {kid}, {csr})
  if (statusOf(answer) !== 'valid') answer = await poll(url, kid, 'the certificate')
  const {status, error, certificate} = recordOf(answer.body)
  if (status !== 'valid') throw failed(error, `the order is ${String(status)}`)
  return {...recordOf(answer.body), _certificateUrl: certificate}
}

/** What was set for a challenge is of no more use; that it cannot be removed does not make the certificate worse. */
export async function withdraw(challenge: Challenge): Promise<void> {
  const {prover, presented, onLeftBehind} = currentOrder()
  presented.delete(challenge)
  await prover.module.remove({challenge}).catch((error: unknown) => onLeftBehind(challenge.altname, error))
}

// ---

const POLL_MAX_MS = 15_000

// greenlock's own would name its maintainers' address where there is none, and has no external accounts that work.
async function askForAccount({session, directory, account, contacts, externalAccount}: Order): Promise<Answer> {
  const {privateKeyJwk} = await account.key()
  return session.post(
    directory.newAccount,
    {jwk: publicPart(privateKeyJwk)},
    {
      termsOfServiceAgreed: true,
      ...(contacts.length > 0 ? {contact: contacts.map(address => `mailto:${address}`)} : {}),
      ...(externalAccount === null
        ? {}
        : {externalAccountBinding: bindingOf(privateKeyJwk, directory.newAccount, externalAccount)}),
    },
  )
}

async function askForOrder({session, profile, replaces}: Order, wish: Wish): Promise<Answer> {
  const who = {kid: kidOf(wish)}
  const request = {...recordOf(parse(wish.payload)), ...(profile === null ? {} : {profile})}
  if (replaces === null) return session.post(wish.url, who, request)
  try {
    return await session.post(wish.url, who, {...request, replaces})
  } catch (error) {
    // RFC 9773 §5: replaced already, or by another account. The certificate is needed all the same.
    const isRefused = error instanceof AcmeError && error.status >= 400 && error.status < 500 && error.status !== 429
    if (!isRefused) throw error
    return session.post(wish.url, who, request)
  }
}

// POST-as-GET until it is settled, as often as the authority asks for and no longer than the order may take.
async function poll(url: string, kid: string, what: string): Promise<Answer> {
  const {session, pace} = currentOrder()
  const endMs = performance.now() + pace.limitMs
  for (let waitMs = pace.pollMs; ; waitMs = Math.min(waitMs * 1.5, POLL_MAX_MS)) {
    const answer = await session.post(url, {kid}, null)
    if (!isUnderWay(answer)) return answer
    const leftMs = endMs - performance.now()
    if (leftMs <= 0) {
      const detail = `${what} is ${statusOf(answer)} after ${Math.round(pace.limitMs / 1000)} s`
      throw new AcmeError({status: 0, type: 'undecided', detail, retryAfterMs: null, retryable: true})
    }
    const askedMs = parseRetryAfter(answer.headers['retry-after'], Date.now()) ?? waitMs
    await new Promise(resolve => setTimeout(resolve, Math.min(askedMs, POLL_MAX_MS, Math.max(leftMs, pace.pollMs))))
  }
}

function isUnderWay(answer: Answer): boolean {
  const status = statusOf(answer)
  return status === 'pending' || status === 'processing'
}

function statusOf({body}: Answer): string {
  return String(recordOf(body)['status'])
}

function failed(error: unknown, where: string): AcmeError {
  const {status} = recordOf(error)
  return problemOf(typeof status === 'number' ? status : 403, error, {where})
}

function kidOf({protected: {kid}}: Wish): string {
  if (typeof kid !== 'string') throw new Error('greenlock signs without an account')
  return kid
}

function parse(payload: string | Uint8Array): unknown {
  const text = Buffer.from(payload).toString('utf8')
  return text === '' ? null : (JSON.parse(text) as unknown)
}

function replyOf({status, headers, body}: Answer): Reply {
  return {statusCode: status, headers, body}
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? {...value} : {}
}

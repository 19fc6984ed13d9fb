// What `git.remote` may be. Everything else that git would take for a remote, such as 'ext::COMMAND', is none here.

import {isAbsolute, resolve} from 'node:path'

export type GitRemote = {
  readonly kind: 'https' | 'http' | 'ssh' | 'path'
  /** As git is given it; a path is absolute. */
  readonly url: string
}

/** Reads a remote; a relative path counts from `folder`. Returns the words for what is wrong with it otherwise. */
export function parseGitRemote(text: string, folder: string): GitRemote | string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'http' || scheme === 'https' || scheme === 'ssh') {
    const url = URL.parse(text)
    if (url === null || url.hostname === '') return 'is not a URL'
    if (url.password !== '' || (scheme !== 'ssh' && url.username !== ''))
      return 'carries a credential; name it with git.token, which is a reference'
    return {kind: scheme, url: text}
  }
  if (scheme === 'file') return {kind: 'path', url: decodeURIComponent(text.slice('file://'.length))}
  if (scheme !== undefined) return `has the scheme ${scheme}; https, ssh and paths are fetched`
  if (text.includes('::')) return 'names a program; https, ssh and paths are fetched'
  // git-fetch(1): with a colon before the first slash it is HOST:PATH over ssh.
  if (/^[^/]+:/.test(text)) return {kind: 'ssh', url: text}
  return {kind: 'path', url: isAbsolute(text) ? text : resolve(folder, text)}
}

/** A text in which no URL shows who logs in, for whatever a program or a person may have written into it. */
export function withoutCredentials(text: string): string {
  return text.replace(/\b(https?:\/\/)[^\s/@]*@/gi, '$1***@').replace(/\b(ssh:\/\/[^\s/@:]*):[^\s/@]*@/gi, '$1:***@')
}

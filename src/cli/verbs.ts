// Every verb of the command line. Help, completion of flags and the parser are made from this table.

import type {Flag, Verb} from './verb.ts'

/** Flags that every verb takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    short: 'c',
    value: 'FILE',
    summary: 'settings; default: routesd.yaml in the working folder, if there is one',
  },
  {name: 'format', short: 'o', value: 'FORMAT', summary: 'how the result is written'},
  {name: 'no-color', summary: 'no colour; so does NO_COLOR=1'},
  {name: 'help', short: 'h', summary: 'this text'},
]

const MESSAGE: Flag = {name: 'message', short: 'm', value: 'TEXT', summary: 'message of the commit'}
const NO_COMMIT: Flag = {name: 'no-commit', summary: 'write the files and leave the commit to you'}

export const VERBS: readonly Verb[] = [
  {
    name: 'run',
    operands: '',
    arity: [0, 0],
    summary: 'serve routes.d until told to stop',
    details:
      'Prints one line on stdout when it serves; logs go to stderr. SIGTERM or SIGINT finishes the requests under way\nand stops, a second one stops at once. SIGHUP reads the settings again.',
    flags: [],
    formats: ['text'],
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'check',
    operands: '[PATH…]',
    arity: [0, Number.POSITIVE_INFINITY],
    summary: 'validate routes.d, or the given files and folders',
    details:
      'Needs no network, no name server and no secrets. Exits 1 on errors, 2 when no file was found, 3 when there\nare warnings only and --strict is given. Writes GitHub annotations when GITHUB_ACTIONS=true.',
    flags: [{name: 'strict', summary: 'exit 3 when there are warnings only'}],
    formats: ['pretty', 'compact', 'json', 'github'],
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'explain',
    operands: '[METHOD] URL',
    arity: [1, 2],
    summary: 'who takes this URL, why the others lost, and what is forwarded',
    details: 'Decides offline, with the router that the daemon uses. METHOD is GET unless given.',
    flags: [{name: 'header', short: 'H', value: 'K:V', summary: 'a request header; may be repeated'}],
    formats: ['text', 'json'],
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'status',
    operands: '',
    arity: [0, 0],
    summary: 'what the daemon serves and how it is',
    details: 'Exits 0 when the daemon answers, whatever it says, and 4 when it does not.',
    flags: [],
    formats: ['text', 'json'],
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'routes ls',
    operands: '',
    arity: [0, 0],
    summary: 'the routes, with their counters when the daemon answers',
    details: 'Without a daemon the routes are read from routes.d, and nothing is counted.',
    flags: [{name: 'offline', summary: 'read routes.d, do not ask the daemon'}],
    formats: ['text', 'json'],
    load: async () => (await import('./routes-ls.ts')).routesLs,
  },
  {
    name: 'routes save',
    operands: 'PATH',
    arity: [1, 1],
    summary: 'validate a file or a folder, write it into routes.d and commit it',
    details: 'Validates together with what is there already. A file of the same name is replaced. All or nothing.',
    flags: [MESSAGE, NO_COMMIT],
    formats: ['text', 'json'],
    load: async () => (await import('./routes-save.ts')).routesSave,
  },
  {
    name: 'routes rm',
    operands: 'ID',
    arity: [1, 1],
    summary: 'remove a route from its file and commit that',
    details: 'The rest of the file stays as it is, comments too. A file that becomes empty is deleted.',
    flags: [MESSAGE, NO_COMMIT],
    formats: ['text', 'json'],
    load: async () => (await import('./routes-rm.ts')).routesRm,
  },
  {
    name: 'config schema',
    operands: '[NAME]',
    arity: [0, 1],
    summary: 'print a JSON Schema; file (the default) is what a file of routes.d may be',
    details: 'NAME is one of file, route, host, service, test, settings, defs.',
    flags: [],
    formats: ['json'],
    load: async () => (await import('./config-schema.ts')).configSchema,
  },
  {
    name: 'config dump',
    operands: '',
    arity: [0, 0],
    summary: 'settings and routes as they are understood, with every default',
    details: 'Reads the files; does not ask the daemon.',
    flags: [],
    formats: ['yaml', 'json'],
    load: async () => (await import('./config-dump.ts')).configDump,
  },
  {
    name: 'init',
    operands: '',
    arity: [0, 0],
    summary: 'write a first routesd.yaml and routes.d into the working folder',
    details: 'Refuses to overwrite anything.',
    flags: [],
    formats: ['text'],
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'version',
    operands: '',
    arity: [0, 0],
    summary: 'the version of routesd and of Node',
    details: '',
    flags: [],
    formats: ['text', 'json'],
    load: async () => (await import('./version.ts')).version,
  },
]

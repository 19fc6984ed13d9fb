// A thread that checks files: text in, CheckedFile out.

import {parentPort} from 'node:worker_threads'
import {checkFile} from './check-file.ts'

parentPort?.on('message', (text: string) => parentPort?.postMessage(checkFile(text)))

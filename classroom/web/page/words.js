// What the page says, in the browser's language. Text of the API stays as the API has it.

export const words = {
  en: {
    title: 'Classroom cluster',
    seconds: 'seconds', label: 'label', send1: 'Send 1', send20: 'Send 20', sent: '{0} sent',
    space: 'space', pause: 'Pause', goOn: 'Go on', earlier: '◀ Earlier', later: 'Later ▶', zoom: 'Shown', span: '{0} in view',
    chart: 'Which worker ran what, when: the arrow keys go from task to task', detail: 'One task',
    close: 'Close', cancel: 'Cancel this task',
    teacher: 'Teacher', token: 'Token (./lab token)', unlock: 'Unlock', open: 'Unlocked', notToken: 'That is not the token: ./lab token prints it.',
    cancelled: '{0} cancelled', cancelAll: 'Cancel all', purge: 'Empty the queue', showJoin: 'Show the join line (J)', joinLine: 'The line that joins',
    noJoin: 'This cluster is not for a class: ./lab up --class', told: '{0}: {1}. It finishes what runs.', result: 'result: {0}', stopWorker: 'stop', pauseWorker: 'pause', runWorker: 'run',
    showClass: 'Exercises (E)', classTitle: 'Exercises', exercise: 'exercise', passed: 'passed', onIt: 'on it', stopped: 'most are stopped by', toShare: 'To be in it:',
    names: 'Names (N)', forget: 'Forget all', nobody: 'Nobody has shared a result yet.', students: 'Students who have shared a result: {0}',
    undecided: 'not checked', wentOn: 'went on',
    waiting: 'waiting', workers: 'workers', perMinute: 'tasks a minute', waited: 'waited on average, s',
    queue: 'Queue, next first', more: 'and {0} more', forLater: '{0} for later', noWorker: 'No worker is listening. Start one:',
    nothing: 'Nothing queued yet. Send a task:', noneInView: 'Nothing ran in this time.', nothingNew: 'Nothing new since {0}: {1}',
    noAnswer: 'The server has not answered since {0}: does ./lab up run, and does the network lead to it?',
    late: 'late, {0} s', lost: 'lost, {0} s ago', gone: 'gone', paused: 'paused', old: 'old code', clock: 'clock {0} s off',
    leftOut: 'Too many tasks to draw: {0}.', broken: 'The exercise {0} is left out: {1}',
    refused: 'What was saved last cannot be used: {0}',
    on: 'on {0}', waitedFor: 'waited {0} s', ran: 'ran {0} s', runs: 'running for {0} s', attempt: 'attempt {0}',
    again: 'The same once more:', s: '{0} s', min: '{0} min',
    queued: 'in the queue', missed: 'cut off: its worker or process died; missed after {0} s', returned: 'given back', retry: 'to be tried again',
  },
  pt: {
    title: 'Cluster da turma',
    seconds: 'segundos', label: 'rótulo', send1: 'Enviar 1', send20: 'Enviar 20', sent: 'Enviadas: {0}',
    space: 'espaço', pause: 'Pausar', goOn: 'Continuar', earlier: '◀ Antes', later: 'Depois ▶', zoom: 'Mostrar', span: '{0} na tela',
    chart: 'Qual worker executou o quê, e quando: as setas vão de tarefa em tarefa', detail: 'Uma tarefa',
    close: 'Fechar', cancel: 'Cancelar esta tarefa',
    teacher: 'Professor', token: 'Token (./lab token)', unlock: 'Liberar', open: 'Liberado', notToken: 'Este não é o token: ./lab token o mostra.',
    cancelled: 'Canceladas: {0}', cancelAll: 'Cancelar tudo', purge: 'Esvaziar a fila', showJoin: 'Mostrar a linha de entrada (J)', joinLine: 'A linha de entrada',
    noJoin: 'Este cluster não é para uma turma: ./lab up --class', told: '{0}: {1}. Termina o que está executando.', result: 'resultado: {0}', stopWorker: 'parar', pauseWorker: 'pausar', runWorker: 'seguir',
    showClass: 'Exercícios (E)', classTitle: 'Exercícios', exercise: 'exercício', passed: 'passaram', onIt: 'estão nele', stopped: 'o que mais os detém', toShare: 'Para aparecer aqui:',
    names: 'Nomes (N)', forget: 'Esquecer tudo', nobody: 'Ninguém compartilhou um resultado ainda.', students: 'Estudantes que compartilharam um resultado: {0}',
    undecided: 'não verificado', wentOn: 'seguiram adiante',
    waiting: 'na fila', workers: 'workers', perMinute: 'tarefas por minuto', waited: 'espera média, s',
    queue: 'Fila, a próxima em cima', more: 'e mais {0}', forLater: '{0} para depois', noWorker: 'Nenhum worker está ouvindo. Inicie um:',
    nothing: 'Nada na fila ainda. Envie uma tarefa:', noneInView: 'Nada foi executado neste tempo.', nothingNew: 'Nada de novo desde {0}: {1}',
    noAnswer: 'O servidor não responde desde {0}: o ./lab up está em execução, e a rede leva até ele?',
    late: 'atrasado, {0} s', lost: 'perdido há {0} s', gone: 'saiu', paused: 'pausado', old: 'código antigo', clock: 'relógio errado em {0} s',
    leftOut: 'Tarefas demais para desenhar: {0}.', broken: 'O exercício {0} ficou de fora: {1}',
    refused: 'O que foi salvo por último não pode ser usado: {0}',
    on: 'em {0}', waitedFor: 'esperou {0} s', ran: 'executou por {0} s', runs: 'executando há {0} s', attempt: 'tentativa {0}',
    again: 'O mesmo outra vez:', s: '{0} s', min: '{0} min',
    queued: 'na fila', missed: 'interrompida: o worker ou o processo morreu; notado após {0} s', returned: 'devolvida', retry: 'será tentada de novo',
  },
}

const language = navigator.language.startsWith('pt') ? 'pt' : 'en'
const locale = language === 'pt' ? 'pt-BR' : 'en'

// The words of this name, with values in the places {0}, {1} …
export function say(name, ...values) {
  return words[language][name].replace(/\{(\d)\}/g, (_, number) => values[number])
}

// A number as this language writes it, with so many digits after the point.
export function number(value, digits = 0) {
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

// Puts the words into the document, wherever an element names them.
export function translate() {
  document.documentElement.lang = locale
  document.title = say('title')
  for (const element of document.querySelectorAll('[data-say]')) element.textContent = say(element.dataset.say)
  for (const element of document.querySelectorAll('[data-hint]')) element.title = say(element.dataset.hint)
  for (const element of document.querySelectorAll('[data-label]')) element.ariaLabel = say(element.dataset.label)
}

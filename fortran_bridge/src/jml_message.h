#ifndef JML_MESSAGE_H
#define JML_MESSAGE_H

#define JML_MESSAGE_LENGTH 2048

/* Keep a sentence for the calling thread; longer ones are cut. */
void jml_message_set(const char *text);

/* The calling thread's sentence, empty when there was no failure. */
const char *jml_message_get(void);

#endif

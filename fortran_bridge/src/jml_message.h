#ifndef JML_MESSAGE_H
#define JML_MESSAGE_H

#define JML_MESSAGE_LENGTH 2048

/* Store a message for the calling thread; longer ones are cut off. */
void jml_message_set(const char *text);

/* The message of the calling thread; empty if there was no error. */
const char *jml_message_get(void);

#endif

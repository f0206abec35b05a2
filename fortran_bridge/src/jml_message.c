/* The sentence of each thread's last failure; Fortran alone has no storage of a thread's own. */

#include <stdio.h>
#include <string.h>

#include "jml_message.h"

static _Thread_local char message[JML_MESSAGE_LENGTH];

void jml_message_set(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

const char *jml_message_get(void)
{
    return message;
}

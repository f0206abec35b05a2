/* The message of the last error in each thread. In C, because Fortran has no thread-local storage. */

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

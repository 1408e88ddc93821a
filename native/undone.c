/* undone.c: see undone.h. */
#include "undone.h"

const char *undone_sending(const struct config *config)
{
    return config->submit_via == CONFIG_SUBMIT_DOGSTATSD ? "submit_via: dogstatsd is not done by this version: the Agent's check "
                                                           "submits, and where that does not run nobody "
                                                           "does; set submit_via: check"
                                                         : NULL;
}

const char *undone_sampling(const struct config_instance *instance)
{
    return instance->sample && !config_instance_is_file(instance)
               ? "sample: true is not done by this version: it measures all the time; remove `sample`"
               : NULL;
}

/*
 * The part of Node-API that glean-ask.node uses. Its binary interface is the same in all versions
 * of node, whose own headers are not where a distribution has packaged them apart.
 * https://nodejs.org/docs/latest-v20.x/api/n-api.html
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { napi_ok } napi_status;
typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

#define NAPI_AUTO_LENGTH SIZE_MAX

napi_status napi_create_function(napi_env env, const char *name, size_t length,
                                 napi_callback callback, void *data, napi_value *result);
napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count,
                             napi_value *values, napi_value *self, void **data);
napi_status napi_get_value_string_utf8(napi_env env, napi_value value, char *text, size_t room,
                                       size_t *length);
napi_status napi_get_value_int64(napi_env env, napi_value value, int64_t *result);
napi_status napi_create_object(napi_env env, napi_value *result);
napi_status napi_create_buffer_copy(napi_env env, size_t length, const void *bytes, void **copy,
                                    napi_value *result);
napi_status napi_create_string_utf8(napi_env env, const char *text, size_t length,
                                    napi_value *result);
napi_status napi_create_int32(napi_env env, int32_t number, napi_value *result);
napi_status napi_get_boolean(napi_env env, bool is_true, napi_value *result);
napi_status napi_get_null(napi_env env, napi_value *result);
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name,
                                    napi_value value);
napi_status napi_throw_type_error(napi_env env, const char *code, const char *message);

/* What node calls when it loads the addon. */
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env,
                                                                          napi_value exports);

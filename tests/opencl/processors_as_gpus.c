/* An OpenCL layer that reports every device as a GPU.

   PlaidML 0.7.0 skips OpenCL devices of type CPU. With this layer in OPENCL_LAYERS it sees PoCL, so that its real
   OpenCL path can be tested on a machine that has only a processor.

   deepchord knows PoCL by the name of its platform, and takes its devices for the processors that they are. With
   OPENCL_PLATFORM_NAME in the environment the platform has that name, and its devices pass for GPUs there, too. */

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl_layer.h>
#include <stdlib.h>
#include <string.h>

static struct _cl_icd_dispatch overrides;
static const struct _cl_icd_dispatch *below;

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info name, size_t size, void *value,
                                          size_t *size_ret)
{
    cl_int status = below->clGetDeviceInfo(device, name, size, value, size_ret);
    if (status == CL_SUCCESS && name == CL_DEVICE_TYPE && value != NULL)
        *(cl_device_type *)value = CL_DEVICE_TYPE_GPU;
    return status;
}

static cl_int answer_with(const void *answer, size_t length, size_t size, void *value, size_t *size_ret)
{
    if (value != NULL && size < length)
        return CL_INVALID_VALUE;
    if (value != NULL)
        memcpy(value, answer, length);
    if (size_ret != NULL)
        *size_ret = length;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info name, size_t size, void *value,
                                            size_t *size_ret)
{
    const char *given = getenv("OPENCL_PLATFORM_NAME");
    if (name == CL_PLATFORM_NAME && given != NULL)
        return answer_with(given, strlen(given) + 1, size, value, size_ret);
    return below->clGetPlatformInfo(platform, name, size, value, size_ret);
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *size_ret)
{
    static const char title[] = "report every device as a GPU";
    cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    const void *answer = name == CL_LAYER_API_VERSION ? (const void *)&version : (const void *)title;
    size_t length = name == CL_LAYER_API_VERSION ? sizeof version : sizeof title;
    return answer_with(answer, length, size, value, size_ret);
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const struct _cl_icd_dispatch *target, cl_uint *entries_ret,
                                            const struct _cl_icd_dispatch **layer_ret)
{
    if (target == NULL || layer_ret == NULL || entries_ret == NULL ||
        entries < sizeof(overrides) / sizeof(overrides.clGetPlatformIDs))
        return CL_INVALID_VALUE;
    below = target;
    overrides.clGetDeviceInfo = get_device_info;
    overrides.clGetPlatformInfo = get_platform_info;
    *layer_ret = &overrides;
    *entries_ret = sizeof(overrides) / sizeof(overrides.clGetPlatformIDs);
    return CL_SUCCESS;
}

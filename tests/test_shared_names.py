"""Every name that both PyTorch and this library have, by calls that are run as they stand in both of them.

A call that both answer has to give the same: values, shapes, dtypes, gradients, and what is left of its inputs. What
differs is listed, here and in docs/library.md; what one of them refuses is not one, as long as our refusal says why.
"""

from __future__ import annotations

import types
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_nn
from tests.test_torch_names import names_in
from tinygrad_nn import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")

PAGE = (Path(__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")

# Written as for PyTorch, and apart by two spaces; `torch` is either library. `x` and `y` are tensors of one shape,
# `mask` holds booleans and `index` indices along the last axis; `p` is positive, `z` has no axes, `v` is a vector.
CALLS = """
x.size  x.data  x.T  x.mT  x.data.shape  x.dtype  x.device  x.is_cuda  x.is_leaf  x.requires_grad
x.shape  x.ndim  x.grad
x.abs()  torch.abs(x)  torch.abs(input=x)  abs(x)
x.add(y)  x.add(2)  (x * 1).add(y * 1, alpha=3)  torch.add(x, y, alpha=0.5)  torch.add(x, 1)  x + y  2 + x
x.add_(1)  x.add_(y, alpha=2)  x.add_(x[..., None])  x.add_(0.5)
torch.addmm(x, x.reshape(2, 3), x.reshape(3, 2)[:, [0, 1, 1]])  x.addmm(x, x.T @ x, beta=2, alpha=3)
x.all()  x.all(0)  x.all(-1, True)  x.all(dim=0, keepdim=True)  torch.all(x)  torch.all(x > 0, dim=(0, 1))
x.all(dim=())
x.any()  x.any(0)  x.any(-1, True)  x.any(dim=0, keepdim=True)  torch.any(x)  torch.any(x > 0, dim=0)  x.any(dim=())
x.allclose(y)  torch.allclose(x, x + 1e-9)  torch.allclose(x, x + 0.1, atol=0.2)  x.allclose(x / 0, equal_nan=True)
x.amax()  x.amax(0)  x.amax((0, -1))  x.amax(dim=-1, keepdim=True)  torch.amax(x, 0)  x.amax(())  (x * 0).amax(0)
x.amin()  x.amin(0)  x.amin((0, -1))  x.amin(dim=-1, keepdim=True)  torch.amin(x, (0,))  x.amin(())  (x * 0).amin(0)
x.argmax()  x.argmax(0)  x.argmax(-1, True)  x.argmax(dim=0, keepdim=True)  torch.argmax(x, 1)  x.argmax(keepdim=True)
x.argmin()  x.argmin(0)  x.argmin(-1, True)  x.argmin(dim=0, keepdim=True)  torch.argmin(x, 1)  x.argmin(None)
x.argsort()  x.argsort(0)  x.argsort(-1, True)  x.argsort(dim=0, descending=True)  torch.argsort(x, 0)
x.sum().backward()  x.backward()  x.backward(y)  x.backward(gradient=y)
torch.bmm(x, x.transpose(1, 2))  x.bmm(x)  torch.bmm(x, x[:1])
x.bool()  x.broadcast_to((2, 2, 3))  x.broadcast_to(4, 2, 3)  torch.broadcast_to(x, (3, 2, 3))
x.broadcast_to(size=(2, 3))
torch.cat([x, y])  torch.cat((x, y), 0)  torch.cat([x, y], dim=-1)  torch.cat([x, y], -1)  torch.cat([x, y], dim=7)
torch.concat([x, y], dim=1)  torch.concatenate([x, y], dim=1)  torch.concatenate((x, y), axis=0)  torch.cat([])
(x * 3).ceil()  torch.ceil(x)  (x * 3).floor()  torch.floor(x)  (x * 3).trunc()  torch.trunc(x * 3)  torch.frac(x * 3)
(x * 3).round()  torch.round(x * 8 / 2)  x.round(decimals=1)  x.frac()
x.chunk(2)  x.chunk(2, 1)  x.chunk(5, dim=-1)  torch.chunk(x, 3, 0)  torch.chunk(x, chunks=2, dim=1)  x.chunk(0)
x.clamp(-1, 1)  x.clamp(min=0)  x.clamp(max=0.5)  x.clamp(0)  x.clamp(y, y + 1)  x.clamp(min=y)  x.clamp(max=z)
x.clamp()
torch.clamp(x, 0, 1)  torch.clamp(x, min=y, max=y)  x.clamp(1, 0)  x.clamp(y, -y)  torch.clip(x, -1, 1)  x.clip(min=y)
x.clip(-1, 1)  x.clip(y)  x.clip(None, 1)  x.clamp_(0, 1)  x.clamp_(min=y)  x.clamp_min(0)  x.clamp_max(0.5)
torch.clamp_min(x, 0)  torch.clamp_max(x, 0)  x.clamp_min(z)  x.clamp_max(y)
x.clone()  torch.clone(x)  x.T.contiguous()  x.T.is_contiguous()  x.T.contiguous().is_contiguous()  x.contiguous()
x.copy_(y)  x.copy_(z)  x.copy_(x[..., None])  x.copy_(y > 0)
x.cos()  torch.cos(x)  x.sin()  torch.sin(x)  x.tan()  torch.tan(x)  x.tanh()  torch.tanh(x)  x.sinh()  torch.sinh(x)
x.cosh()  torch.cosh(x)  torch.sinh(x * 40)  torch.cosh(x * 40)  torch.sinh(x / 1000)
x.count_nonzero()  torch.count_nonzero(x > 0, dim=0)  x.count_nonzero((0, 1))  x.count_nonzero(dim=-1)
x.cpu()  x.cuda()  torch.device("cpu")
x.cumsum(0)  x.cumsum(-1)  x.cumsum(dim=1)  torch.cumsum(x, 0)  x.cumsum(0, dtype=torch.float64)  x.cumsum()
x.cumsum(axis=0)
x.cumprod(0)  x.cumprod(-1)  x.cumprod(dim=1)  torch.cumprod(x, 0)  x.cumprod(0, dtype=torch.float64)
x.detach()  torch.detach(x)  x.dim()  x.ndimension()
x.diag()  x.diag(1)  torch.diag(x, -1)  x.diag(diagonal=2)  x.diagonal()  x.diagonal(1, 0, 1)  x.diagonal(-1, -2, -1)
torch.diagonal(x, 0, 1, 0)  torch.diagonal(x, offset=1, dim1=-1, dim2=-2)  x.diagonal(9)  x.trace()  torch.trace(x)
x.div(y)  x.div(2)  torch.div(x, y)  x.div(p, rounding_mode="floor")  torch.div(x, 0.3, rounding_mode="trunc")
x.div_(2)  x.div_(y)  x.divide(y)  torch.divide(x, y)  x.true_divide(y)  torch.true_divide(x, 2)  x / y  1 / p
x.dot(y)  torch.dot(x, y)  x.dot(v)  x.double()  x.float()  x.half()  x.long()  x.int()  x.bool()
torch.einsum("...i,...i->...", x, y)  torch.einsum("ij,kj->ik", x, y)
x.eq(y)  x.eq(0)  torch.eq(x, x)  x.ne(y)  torch.ne(x, 1)  x.lt(y)  torch.lt(x, y)  x.le(0)  torch.le(x, y)  x.gt(y)
torch.gt(x, 0)  x.ge(y)  torch.ge(x, x)  x == y  x != y  x < y  x <= 0  x > y  x >= 0
x.equal(y)  x.equal(x)  torch.equal(x, x)  torch.equal(x, x[:1])
x.erf()  torch.erf(x)  x.exp()  torch.exp(x)  x.exp2()  torch.exp2(x)  x.expm1()  torch.expm1(x)
x.expand(2, 2, 3)  x.expand(-1, 3)  x.expand((2, -1, 3))  x.expand(size=(4, 2, 3))  x.expand(3)  x[:1].expand(4, -1)
x[:1].expand_as(y)  x.expand_as(y)
x.fill_(2)  x.fill_(z)  x.fill_(y)  x.zero_()
x.flatten()  x.flatten(1)  x.flatten(0, 1)  x.flatten(start_dim=-2)  torch.flatten(x, 1)  x.flatten(1, 0)
torch.flatten(x)
x.flip(0)  x.flip((0, 1))  x.flip(dims=(-1,))  torch.flip(x, [0])  torch.flip(x, dims=(1, 0))  x.flip(0, 0)
x.floor_divide(y)  torch.floor_divide(x, 0.3)  x // y  x // 2
x.fmod(y)  torch.fmod(x, 0.3)  x.remainder(y)  torch.remainder(x, -0.3)  torch.remainder(2, y)  x % y  x % 2  5 % y
x % 0
torch.gather(x, -1, index)  x.gather(1, index)  x.gather(dim=0, index=index * 0)  x.gather(0, index - 9)
x.gather(-1, index[:1])
x.take_along_dim(index, -1)  torch.take_along_dim(x, index, dim=-1)  x.take_along_dim(index[:1] * 0, dim=0)
x.take_along_dim(index.reshape(-1))
x.half()  torch.hstack([x, y])  torch.hstack((v, v))  torch.vstack([x, y])  torch.vstack((v, v))
torch.row_stack([x, y])
x.index_select(0, index.reshape(-1)[:1] * 0)  torch.index_select(x, -1, index.reshape(-1))
x.index_select(0, index - 7)
x.index_select(dim=-1, index=index.reshape(-1)[0])
x.is_floating_point()  torch.is_floating_point(x)  torch.is_tensor(x)  torch.is_tensor([1])  torch.is_grad_enabled()
x.isclose(y)  torch.isclose(x, x + 1e-9)  x.isclose(x / 0, equal_nan=True)  torch.isclose(x, x * 1.1, rtol=0.2)
x.isnan()  torch.isnan(x / 0)  torch.isinf(x / 0)  (y / 0).isinf()  (x / 0).isfinite()  torch.isfinite(x)
x.item()  z.item()  x.reshape(-1)[:1].item()  x.tolist()  x.numpy(force=True)  x.detach().numpy()  x.numpy()
p.log()  torch.log(p)  p.log10()  torch.log10(p)  p.log1p()  torch.log1p(p)  p.log2()  torch.log2(p)
x.log_softmax(0)  x.log_softmax(-1)  x.log_softmax(dim=0, dtype=torch.float64)  torch.log_softmax(x, 1)
x.log_softmax(9)
x.logaddexp(y)  torch.logaddexp(x, y[..., :1])  torch.logaddexp(x / 0, x)
x.logical_and(y)  torch.logical_and(x > 0, y > 0)  x.logical_or(y * 0)  torch.logical_or(x > 0, mask)
x.logical_xor(mask)  torch.logical_xor(x, y)  (x > 0).logical_not()  torch.logical_not(x)
x.logsumexp(0)  x.logsumexp((0, 1))  x.logsumexp(-1, True)  x.logsumexp(dim=0, keepdim=True)  torch.logsumexp(x, 0)
x.masked_fill(mask, 0)  torch.masked_fill(x, mask, -float("inf"))  x.masked_fill(mask, z)
x.masked_fill(mask[..., :1], 2)
x.masked_fill(x, 1)  x.masked_fill(mask, 0.5)  x.masked_fill_(mask, 2)  x.masked_fill_(mask, z)
x.masked_select(mask)  torch.masked_select(x, mask[..., :1])  x.masked_select(x)
x.matmul(x.mT)  torch.matmul(x, v)  x @ v  x.mm(x.T)  torch.mm(x, x.T)  x.mm(v)  x.mv(v)  torch.mv(x, v)  v.outer(v)
torch.outer(v, v)  torch.outer(x, v)
x.max()  torch.max(x)  x.max(0)  x.max(-1, True)  x.max(dim=0, keepdim=True)  torch.max(x, 1)  torch.max(x, dim=-1)
x.max(y)  torch.max(x, y)  x.max(other=y)  (x * 0).max(0)  (x * 0).max()  x.max((0, 1))  x.max(5)  x.max(z)
x.max(keepdim=True)
x.min()  torch.min(x)  x.min(0)  x.min(-1, True)  x.min(dim=0, keepdim=True)  torch.min(x, 1)  torch.min(x, dim=-1)
x.min(y)  torch.min(x, y)  x.min(other=y)  (x * 0).min(0)  (x * 0).min()  x.min((0, 1))  x.min(5)  x.min(z)
x.max(0, keepdims=True)
x.max(axis=0)  x.min(axis=-1)
x.maximum(y)  torch.maximum(x, y)  x.maximum(x)  x.minimum(y)  torch.minimum(x, y)  x.maximum(other=y)
x.mean()  x.mean(0)  x.mean((0, 1))  x.mean(-1, True)  x.mean(dim=0, keepdim=True)  torch.mean(x, 0)
x.mean(dtype=torch.float64)
x.mean(())  x.mean(dim=())  x.mean(axis=0, keepdims=True)  x.mean(dim=[0, -1])
torch.meshgrid(v, v, indexing="ij")  torch.meshgrid([v, v[:2]], indexing="xy")
x.movedim(0, -1)  torch.movedim(x, (0, 1), (1, 0))  x.moveaxis(-1, 0)  torch.moveaxis(x, 0, 1)  x.movedim(0, (0, 1))
x.mul(y)  torch.mul(x, 2)  x.mul_(2)  x.mul_(y)  x.mul_(0.5)  x.multiply(y)  torch.multiply(x, y)  x * y
x.narrow(0, 0, 1)  torch.narrow(x, -1, 1, 2)  x.narrow(dim=0, start=-1, length=1)  x.narrow(0, 1, 5)
x.neg()  torch.neg(x)  x.negative()  torch.negative(x)  -x  x.nelement()  x.numel()  torch.numel(x)
x.new_full((2,), 3)  x.new_ones(2, 3)  x.new_ones((2,), dtype=torch.int64)  x.new_zeros(2)  x.new_zeros((2, 0))
x.new_tensor([1, 2])  x.new_tensor([1.5])
x.nonzero()  torch.nonzero(x > 0)  (x > 0).nonzero(as_tuple=True)  torch.nonzero(mask, as_tuple=True)
x.norm()  x.norm(1)  x.norm(2)  x.norm(0)  x.norm(3.0)  x.norm(float("inf"))  x.norm(-float("inf"))  x.norm("fro")
x.norm(0.5)  x.norm(-1)  x.norm(p=1, dim=0)  x.norm(2, -1, True)  x.norm("fro", dim=(0, 1), keepdim=True)
torch.norm(x, 1)
torch.norm(x, 2, 0)  torch.norm(x, p="fro", dim=-1)  x.norm("nuc")  x.norm(2, ())  x.norm(dim=0, dtype=torch.float64)
x.norm(1, ())
(x * 0).norm()  (x * 0).norm(1)  (x * 0).norm(float("inf"))  (x * 0).norm(3)
x.permute(1, 0)  x.permute((1, 0))  x.permute(-1, 0, 1)  x.permute(dims=(1, 0))  torch.permute(x, (1, 0))
x.permute(0, 0)  x.permute(0)
torch.permute(x, dims=(-1, 0))  x.permute(2, 1)
x.pow(2)  p.pow(0.5)  torch.pow(p, y)  torch.pow(2, x)  x.pow(3)  x ** 2  2 ** x  torch.pow(x, 2)
x.prod()  x.prod(0)  x.prod(-1, True)  x.prod(dim=0, keepdim=True)  torch.prod(x, 1)  (x * mask).prod()
(x * mask).prod(0)
x.prod(dtype=torch.float64)  x.prod((0, 1))
x.ravel()  torch.ravel(x)  p.reciprocal()  torch.reciprocal(p)  x.relu()  torch.relu(x)  (x * 0).relu()
x.register_hook(lambda g: g * 2) and x.sum()
x.repeat(2, 1)  x.repeat(2, 1, 3)  x.repeat((1, 2))  x.repeat(repeats=(2, 2))  x.repeat(0, 1)  x.repeat(2)  x.repeat()
x.repeat_interleave(2)  x.repeat_interleave(2, dim=0)  torch.repeat_interleave(x, 3, -1)
x.repeat_interleave(index.reshape(-1))
x.requires_grad_(False)  x.detach().requires_grad_().requires_grad
x.reshape(-1)  x.reshape(3, 2)  x.reshape((3, -1))  x.reshape(shape=(6,))  torch.reshape(x, (1, -1))  x.reshape(7, 7)
x.reshape_as(x.T)  (x * 1).retain_grad()  x.roll(1)  x.roll(1, 0)  x.roll((1, -1), (0, 1))  torch.roll(x, 2, -1)
torch.roll(x, shifts=(1,), dims=(0,))
p.rsqrt()  torch.rsqrt(p)  p.sqrt()  torch.sqrt(p)  x.square()  torch.square(x)
x.select(0, 0)  torch.select(x, -1, -1)  x.select(dim=0, index=1)  x.select(0, 9)  x.unbind()  x.unbind(-1)
torch.unbind(x, dim=0)
x.sigmoid()  torch.sigmoid(x)  x.sign()  torch.sign(x)  (x * 0).sign()
x.size()  x.size(0)  x.size(-1)  x.size(dim=1)  x.size(7)
x.softmax(0)  x.softmax(-1)  x.softmax(dim=0, dtype=torch.float64)  torch.softmax(x, 1)  torch.softmax(x, dim=-1)
x.softmax(9)
torch.softmax(x, 0, torch.float64)
x.sort()  x.sort(0)  x.sort(-1, True)  x.sort(dim=0, descending=True)  torch.sort(x, 0)
torch.sort(x, stable=True, dim=0)
x.split(1)  x.split(2, 1)  x.split([1, 1])  x.split(split_size=2, dim=-1)  torch.split(x, 1)
torch.split(x, [1, 2], dim=1)
torch.split(x, split_size_or_sections=1, dim=0)  x.split(0)  x.split(-1)  x.split_with_sizes([1, 1])
torch.split_with_sizes(x, [1, 2], 1)
x.squeeze()  x.squeeze(0)  x.squeeze(1)  x.squeeze((0, 1))  x.squeeze(dim=-1)  torch.squeeze(x)  torch.squeeze(x, 1)
x.squeeze(9)
x.squeeze(())
torch.stack([x, y])  torch.stack((x, y), 1)  torch.stack([x, y], dim=-1)  torch.stack([x, y], 9)
torch.stack([x, x[:1]])
x.std()  x.std(0)  x.std(False)  x.std(0, False)  x.std(-1, True, True)  x.std(dim=0, correction=0)  torch.std(x, 0)
x.std(unbiased=False)  x.std((0, 1), keepdim=True)  torch.std(x, dim=-1, unbiased=True)  x.std(())
x.var()  x.var(0)  x.var(False)  x.var(0, False)  x.var(-1, True, True)  x.var(dim=0, correction=0)  torch.var(x, 0)
x.var(unbiased=False)  x.var((0, 1), keepdim=True)  torch.var(x, dim=-1, unbiased=True)  x.var(())  x.var(0, 0)
x.detach().var(dim=())
x.sub(y)  x.sub(y, alpha=2)  torch.sub(x, 1)  x.sub_(1)  x.sub_(y, alpha=3)  x.subtract(y)  torch.subtract(x, y)
x - y
x.sum()  x.sum(0)  x.sum((0, 1))  x.sum(-1, True)  x.sum(dim=0, keepdim=True)  torch.sum(x, 0)
x.sum(dtype=torch.float64)
x.sum(0, 1)  x.sum(True)  x.sum(1.0)  x.sum(dim=())  x.sum(axis=0, keepdims=True)  x.sum((0, 0))  x.sum(9)
x.sum(dim=[0, -1])
x.sum(())  x.sum(0, dtype=torch.int64)  (x > 0).sum()  x.sum(dtype=torch.int32)  x.mean(dtype=torch.int64)
mask.to(torch.uint8).sum()  mask.to(torch.uint8).sum(0)  mask.to(torch.uint8).prod()  mask.to(torch.uint8).cumsum(0)
x.swapaxes(0, 1)  x.swapaxes(axis0=0, axis1=-1)  torch.swapaxes(x, 0, 1)  x.swapdims(0, 1)  torch.swapdims(x, -1, 0)
x.swapaxes(0, 9)
x.t()  torch.t(x)  x.tile(2)  x.tile((2, 1))  torch.tile(x, (2, 1, 3))  torch.tile(x, dims=(2,))  x.tile(2, 2)
torch.tensor([1, 2])  torch.tensor([1.0, 2.0])  torch.tensor(3)  torch.tensor([True])
torch.tensor([1.0], dtype=torch.float64)
torch.tensor([1.5], requires_grad=True)  torch.tensor(2.5, dtype=torch.int64)
x.to(torch.float64)  x.to("cpu")  x.to(y)  x.to(dtype=torch.int64)  x.to("cpu", torch.float32)  x.to("cuda")
x.to(torch.bool)
x.to(torch.device("cpu"))  x.type_as(y.double())
x.topk(1)  x.topk(2, 0)  x.topk(1, -1, False)  torch.topk(x, k=1, dim=0)  x.topk(1, largest=False).indices  x.topk(9)
x.transpose(0, 1)  x.transpose(-2, -1)  torch.transpose(x, 0, 1)  x.transpose(dim0=0, dim1=-1)  x.transpose()
x.transpose(0, 9)
x.transpose(0, 0)  x.transpose((0, 1))  x.transpose(1, 0, 2)  torch.transpose(x, dim0=0, dim1=1)
x.tril()  torch.tril(x, 1)  x.tril(diagonal=-1)  x.triu()  torch.triu(x, -1)  x.triu(1)
x.unflatten(0, (1, -1))  torch.unflatten(x, -1, (3, 1))  x.unflatten(0, (5, 5))
x.unsqueeze(0)  x.unsqueeze(-1)  x.unsqueeze(dim=1)  torch.unsqueeze(x, 0)  torch.unsqueeze(x, dim=-1)  x.unsqueeze(9)
x.view(-1)  x.view(3, 2)  x.view((6,))  x.view(size=(6,))  x.view_as(x)  x.view(torch.int32)
x.where(mask, y)  x.where(mask, 0)  torch.where(mask, x, y)  torch.where(mask, x, 0)  torch.where(mask, 1.0, y)
torch.where(mask)
torch.where(x > 0, x, -x)  torch.where(condition=mask, input=x, other=y)  torch.where(mask, x)
torch.arange(5)  torch.arange(1, 4)  torch.arange(0, 1, 0.25)  torch.arange(5.0)  torch.arange(3, dtype=torch.float64)
torch.arange(5, 0, -2)  torch.arange(start=1, end=4, step=2)
torch.zeros(2, 3)  torch.zeros((2, 3))  torch.zeros(2, dtype=torch.int64)  torch.zeros([2])  torch.zeros(())
torch.ones(2, 3)  torch.ones((2,), dtype=torch.float64)  torch.ones(2, requires_grad=True)
torch.zeros_like(x)  torch.ones_like(x)  torch.zeros_like(x, dtype=torch.float64)
torch.ones_like(x, requires_grad=False)
torch.full((2, 3), 1.5)  torch.full((2,), 1.5, dtype=torch.float64)  torch.full((2,), fill_value=2.5)
torch.full((2,), 7)
torch.eye(3)  torch.eye(2, dtype=torch.float64)  torch.eye(2, 3)
torch.full_like(x, 2)  torch.full_like(x, 1.5, dtype=torch.float64)  torch.full_like(x, fill_value=3)
torch.linspace(0, 1, 5)  torch.linspace(-2, 2, steps=3, dtype=torch.float64)  torch.linspace(start=0, end=1, steps=1)
torch.as_tensor([1.5, 2.5])  torch.as_tensor([1, 2])  torch.as_tensor(x, dtype=torch.float64)  torch.as_tensor(x)
torch.from_numpy(torch.ones(3).numpy())  torch.from_numpy([1.0])
torch.empty(2, 3).shape  torch.empty((2,), dtype=torch.float64).dtype  torch.empty_like(x).shape
torch.bernoulli(torch.ones(3))  torch.bernoulli(torch.zeros(2, dtype=torch.float64))  torch.bernoulli(torch.ones(2) * 2)
torch.normal(0.0, 1.0, (2, 3)).shape  torch.normal(torch.zeros(3), torch.ones(3)).shape  torch.normal(1.0, 0.0, (2,))
torch.rand_like(torch.ones(2, 3)).shape  torch.randn_like(torch.ones(2, dtype=torch.float64)).dtype
torch.randint(3, (2, 3)).shape  torch.randint(2, 3, (4,))  torch.randint(low=0, high=1, size=(3,))
torch.randint(3, 3, (1,))
torch.randperm(4).sort()[0]  torch.randperm(3).dtype  torch.randperm(-1)
[torch.manual_seed(0), (torch.rand(3), torch.manual_seed(0), torch.rand(3))[2].shape][1]
torch.no_grad()(lambda: torch.is_grad_enabled())()
torch.no_grad()(torch.enable_grad()(lambda: torch.is_grad_enabled()))()
torch.bool  torch.uint8  torch.int8  torch.int16  torch.short  torch.int32  torch.int  torch.int64  torch.long
torch.float16  torch.half  torch.float32  torch.float  torch.float64  torch.double
torch.Tensor([1.5, 2.5])  torch.Tensor(2, 3)  torch.Tensor([1, 2])  torch.Tensor(3)
torch.as_tensor([1, 2])  torch.as_tensor([1.5])  torch.as_tensor(x)  torch.as_tensor(x, dtype=torch.float32)
torch.from_numpy(x.numpy(force=True))  torch.from_numpy([1])
torch.empty(2, 3).shape  torch.empty((2,), dtype=torch.float64).dtype  torch.empty_like(x).shape
torch.empty_like(x, dtype=torch.int64).dtype  torch.full_like(x, 2)  torch.full_like(x, 1.5, dtype=torch.float64)
torch.linspace(0, 1, 5)  torch.linspace(0, 1, steps=3, dtype=torch.float64)  torch.linspace(start=1, end=0, steps=1)
torch.manual_seed(0) and torch.rand(2, 3).shape  torch.rand((2,), dtype=torch.float64).dtype  torch.rand_like(x).dtype
torch.randn(2, 3).shape  torch.randn((2, 3)).dtype  torch.randn_like(x).shape  torch.randint(5, (2,)).shape
torch.randint(0, 2, (3,)).dtype  torch.randint(3, 4, (2, 2))  torch.randint(low=2, high=3, size=(2,))
torch.randperm(4).sort().values  torch.randperm(3).dtype  torch.normal(0.0, 1.0, (2,)).shape  torch.normal(x, p).shape
torch.normal(mean=x, std=0.0)  torch.bernoulli(x * 0)  torch.bernoulli(x * 0 + 1)
"""

# The calls that give something else here; docs/library.md has them all.
DIFFERENT = [
    "x.size",
    "x.data",
    "x.max(axis=0)",
    "x.min(axis=-1)",
    "x.sum(())",
    "x.mean(())",
    "x.std(())",
    "x.var(())",
    "torch.Tensor([1, 2])",
    "torch.Tensor(3)",
]


def calls() -> list[str]:
    return [call for line in CALLS.strip().splitlines() for call in line.split("  ")]


def shared() -> list[str]:
    """What both libraries have: methods by their names, functions and dtypes as `torch.name`."""
    methods = [n for n in dir(Tensor([1.0])) if hasattr(torch.Tensor, n)]
    functions = [f"torch.{n}" for n in dir(tinygrad_nn) if not isinstance(getattr(torch, n, torch), types.ModuleType)]
    return [name for name in (*methods, *functions) if not name.removeprefix("torch.").startswith("_")]


SHAPES = [(), (3,), (2, 3), (1, 3), (2, 1, 3), (0, 3)]
WORLDS = [
    *((shape, "float64", True) for shape in SHAPES),
    *((shape, "float64", False) for shape in [(), (2, 3)]),
    *((shape, "int64", False) for shape in [(), (2, 3)]),
    ((2, 3), "float32", True),
    *(((2, 3), dtype, False) for dtype in ("bool", "int32")),
]


@cache
def everywhere(call: str) -> dict[Any, str]:
    return {world: compared(call, *world) for world in WORLDS}


OUTCOMES = {"same", "refused", "refused there", "refused by both"}


@pytest.mark.parametrize("call", calls())
def test_a_call_gives_the_same_in_both_libraries_or_is_documented(call: str) -> None:
    wrong = {world: outcome for world, outcome in everywhere(call).items() if outcome not in OUTCOMES}
    if call in DIFFERENT:
        assert wrong, "it is the same by now"
        assert f"`{call}`" in PAGE
    else:
        assert not wrong


def test_every_name_that_both_have_is_called_and_answered() -> None:
    called: dict[str, set[str]] = {}
    for call in calls():
        for name in names_in(call):
            called.setdefault(name, set()).update(everywhere(call).values())
    missing = [name for name in shared() if name not in called]
    assert not missing, "these need a line in CALLS"
    silent = [n for n in shared() if not called[n] & {"same", "refused by both"} and not any(n in c for c in DIFFERENT)]
    assert not silent, "of these no call gives the same"


# --- running a call in both


def inputs(shape: tuple[int, ...], dtype: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays behind the names in a call."""
    rng = np.random.default_rng(len(shape) + 7)
    values = rng.permutation(np.arange(1.0, 1.0 + np.prod(shape, dtype=int))) - 2.5
    x = (values * (1 if dtype[0] == "i" else 0.375)).reshape(shape)
    last = shape[-1] if shape else 1
    arrays = {
        "x": x,
        "y": rng.permutation(values).reshape(shape) * 0.5 + 0.25,
        "p": np.abs(x) + 0.5,
        "z": np.array(0.75),
        "v": np.arange(1.0, last + 1),
    }
    if dtype == "bool":
        cast = {name: array > 0 for name, array in arrays.items()}
    else:
        cast = {name: array.astype(dtype) for name, array in arrays.items()}
        if dtype[0] == "i":
            cast["y"] = cast["y"] + (cast["y"] == 0).astype(dtype)
    return cast | {"mask": rng.random(shape) > 0.5, "index": rng.integers(0, max(last, 1), shape)}


class World:
    """One of the two libraries, with the inputs as its tensors."""

    def __init__(self, library: Any, arrays: dict[str, Any], tracked: bool) -> None:
        self.library = library
        self.leaves = {}
        self.names: dict[str, Any] = {"torch": library}
        for name, array in arrays.items():
            t = library.tensor(array.copy())
            if tracked and array.dtype.kind == "f":
                t.requires_grad_()
                self.leaves[name] = t
            self.names[name] = t

    def answer(self, call: str) -> Any:
        """What a call gives, or the error that it raises."""
        try:
            return eval(call, self.names)
        except Exception as error:
            return error

    def plain(self, result: Any) -> Any:
        """A result in terms of NumPy: a tensor as its values and its dtype."""
        if isinstance(result, self.library.Tensor):
            return np.asarray(result.numpy(force=True)), str(result.numpy(force=True).dtype)
        if isinstance(result, list | tuple):
            return [self.plain(part) for part in result]
        if isinstance(result, np.ndarray):
            return ["array", (result, str(result.dtype))]
        if type(result).__module__.startswith(("torch", "tinygrad_nn", "numpy", "builtins")) and not isinstance(
            result, bool | int | float | str | type(None)
        ):
            return str(result).rpartition(".")[2]
        return result

    def gradients(self, result: Any) -> dict[str, Any]:
        """Of a weighing of all that has a gradient, for each leaf."""
        parts = [t for t in self.tensors(result) if t.requires_grad]
        if not parts or not self.leaves:
            return {}
        total: Any = None
        for i, part in enumerate(parts):
            weights = np.cos(np.arange(part.numel()) + i).reshape(tuple(part.shape))
            term = (part * self.library.tensor(weights)).sum()
            total = term if total is None else total + term
        total.backward()
        return {name: leaf.grad.numpy(force=True) for name, leaf in self.leaves.items() if leaf.grad is not None}

    def tensors(self, result: Any) -> list[Any]:
        if isinstance(result, self.library.Tensor):
            return [result]
        return [t for part in result for t in self.tensors(part)] if isinstance(result, list | tuple) else []


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        (ours, dtype), (theirs, other) = a, b
        return dtype == other and close(ours, theirs)
    return bool(a == b) and type(a) is type(b)


def close(ours: Any, theirs: Any) -> bool:
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind != "f":
        return bool((ours == theirs).all())
    tolerance = {"float16": 2e-3, "float32": 2e-6}.get(str(ours.dtype), 1e-11)
    return bool(np.allclose(ours, theirs, tolerance, tolerance, equal_nan=True))


def compared(call: str, shape: tuple[int, ...], dtype: str, tracked: bool) -> str:
    """ "same", "refused" here, "refused there", "refused by both", or what differs."""
    arrays = inputs(shape, dtype)
    ours, theirs = World(tinygrad_nn, arrays, tracked), World(torch, arrays, tracked)
    with np.errstate(all="ignore"):
        a, b = ours.answer(call), theirs.answer(call)
        if isinstance(a, Exception):
            words = str(a)
            if (
                not isinstance(a, TypeError | ValueError | IndexError | RuntimeError | ArithmeticError)
                or len(words) < 10
            ):
                return f"an error without words: {a!r}"
            return "refused by both" if isinstance(b, Exception) else "refused"
        if isinstance(b, Exception):
            return "refused there"
        if not same(ours.plain(a), theirs.plain(b)):
            return f"{ours.plain(a)} here, {theirs.plain(b)} in PyTorch"
        if not all(same(ours.plain(ours.names[name]), theirs.plain(theirs.names[name])) for name in arrays):
            return "an input is something else afterwards"
        g = ours.gradients(a)
        try:
            h = theirs.gradients(b)
        except RuntimeError:  # no derivative there
            return "same"
    for name in g.keys() | h.keys():
        one, other = (d.get(name, np.zeros_like(arrays[name])) for d in (g, h))
        if not close(one, other):
            return f"the gradient of {name} is {one} here, {other} in PyTorch"
    return "same"
